"""Spreadsheets and exports to events: profiles, reading, comparing with the ledger, posting."""
