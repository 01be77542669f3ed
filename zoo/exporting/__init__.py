"""One network as `.keras`, SavedModel, frozen graph and ONNX, and the goldens that prove them equal.

| module | content |
| --- | --- |
| `export` | writes the folder |
| `goldens` | golden questions and answers |
| `graphs`, `onnx_segments` | the traced graph, and what ONNX needs changed in it |
| `verification`, `verification_process` | asks every artefact the golden questions, in a fresh process |
"""
