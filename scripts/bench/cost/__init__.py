"""What a picture costs on AWS: prices, bills, and the function measured at each memory size."""
