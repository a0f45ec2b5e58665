"""Where boxes, scores and labels lie in a graph's outputs, whatever the format."""
