"""Simulated cameras, a sandbox city platform and a virtual loudspeaker: what the demo and tests stand on."""
