"""The language of Groenmeter: events, units, catalogues, calendar. No clock, database or network."""
