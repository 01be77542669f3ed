"""End-to-end mass regression of merged a -> gamma gamma decays, from images of crystals (CMS-EGM-20-001)."""
