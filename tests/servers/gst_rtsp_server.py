"""A second RTSP server that we did not write: GStreamer's, run by Debian's own python3 as a separate process.

usage: /usr/bin/python3 gst_rtsp_server.py FOLDER [USER PASSWORD [basic|digest]]
Serves each MP4 of FOLDER at /NAME, looped by its clients reconnecting; prints `port N` when it listens.
"""

import pathlib
import sys

import gi  # Debian's, for the system python

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def launch(path: pathlib.Path) -> str:
    """The pipeline for one clip."""
    name = path.name.lower()
    codec = "h265" if "265" in name or "hevc" in name else "h264"
    # No config-interval: it puts parameter sets before every slice, which FFmpeg takes for a new picture each.
    return f'( filesrc location="{path}" ! qtdemux ! {codec}parse ! rtp{codec}pay name=pay0 pt=96 )'


def main() -> None:
    Gst.init(None)
    folder, login = pathlib.Path(sys.argv[1]), sys.argv[2:]
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    if login:
        auth = GstRtspServer.RTSPAuth()
        digest = len(login) < 3 or login[2] == "digest"
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST if digest else GstRtsp.RTSPAuthMethod.BASIC)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        if digest:
            auth.add_digest(login[0], login[1], token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(login[0], login[1]), token)
        server.set_auth(auth)
    for path in sorted(folder.glob("*.mp4")):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch(path))
        factory.set_shared(False)
        if login:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("user", "media.factory.access", True)
            permissions.add_permission_for_role("user", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory("/" + path.name, factory)
    server.attach(None)
    print("port", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
