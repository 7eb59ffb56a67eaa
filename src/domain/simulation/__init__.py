"""What the simulator is made of: a curriculum, kinds of students, how they learn, attend and work."""
