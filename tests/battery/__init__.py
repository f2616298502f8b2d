"""The battery that every rule kind must pass, and small plants to drive a core by."""
