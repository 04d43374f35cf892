"""What a program is: sizes, types, values, ops and traces; it knows no op by name."""
