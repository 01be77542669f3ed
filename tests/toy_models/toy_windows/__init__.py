"""A toy with two sets, one inside the other, and two outputs that are trained."""
