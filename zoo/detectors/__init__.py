"""The detectors whose cells the zoo reads: indices, positions, gaps.

`cms_barrel`: the crystals of the CMS ECAL barrel; `flat_segment`: a plane of 30 x 85 of them.
"""
