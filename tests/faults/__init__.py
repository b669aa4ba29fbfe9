"""What a run and a model survive: kills, full disks, damaged and hostile files."""
