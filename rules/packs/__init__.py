"""Packs of rules by domain, one YAML file each; `tests/` beside them has a file of rule tests for each.

Found through the entry points `lifeline.packs`: another package that has YAML files of packs registers itself likewise.
"""
