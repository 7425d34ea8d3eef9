"""What rounding each tensor and each layer costs: measured, kept in a file, drawn."""
