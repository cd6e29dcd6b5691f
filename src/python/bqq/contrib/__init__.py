"""What other libraries' users look for."""
