"""Emission factors as the operator sees, adds, corrects and imports them."""
