"""Study: graded losses beside a binary one."""
