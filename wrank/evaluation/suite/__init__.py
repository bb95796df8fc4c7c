"""Test suites: named sets that are evaluated together, each by the rules under which its figures are published."""
