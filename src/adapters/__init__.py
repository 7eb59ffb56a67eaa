"""The ports, implemented over real infrastructure. Driver errors become ours here and nowhere else."""
