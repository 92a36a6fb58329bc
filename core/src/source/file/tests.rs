//! Files in memory, read and written by whole jobs on the simulator.
