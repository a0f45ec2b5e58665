"""What a load would see on Lambda: its rules of scaling, simulated event by event."""
