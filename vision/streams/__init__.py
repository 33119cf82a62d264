"""Cameras to looks: live RTSP, clips, and the only place that reconnects."""
