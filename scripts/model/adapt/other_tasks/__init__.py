"""Networks that look at pictures and do not detect upright boxes: refused by what they are."""
