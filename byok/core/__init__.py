"""The mechanisms: vault, catalogue, the wire to providers, runner, ledger, prices. No roles, no screens."""
