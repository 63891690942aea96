"""The processors: from the topics into the ledger and its totals, with Faust."""
