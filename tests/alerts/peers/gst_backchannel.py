"""A camera with a loudspeaker and a microphone, by GStreamer's RTSPOnvifServer; run by the system's python3.

Usage: gst_backchannel.py FOLDER [PCMU|PCMA] [USER PASSWORD]. Prints its port. The loudspeaker is at /camera: what
arrives is written to FOLDER/heard.s16 (8 kHz) and is what /microphone hears. /mute has a picture alone.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

folder = sys.argv[1]
codec = sys.argv[2] if len(sys.argv) > 2 else "PCMU"
payload_type, encoder, decoder, name = (
    (0, "mulawenc", "mulawdec", "pcmu") if codec == "PCMU" else (8, "alawenc", "alawdec", "pcma")
)
Gst.init(None)
server = GstRtspServer.RTSPOnvifServer()
server.set_service("0")
server.set_address("127.0.0.1")
# Whoever sets up the loudspeaker alone leaves the picture unlinked, and GStreamer then ends the media; the tee keeps it
# going. No element does that for a microphone (about 1 try in 30 ended), so it has an address of its own.
factory = GstRtspServer.RTSPOnvifMediaFactory()
factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
factory.set_shared(True)
factory.set_launch(
    "( videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=5/1 ! jpegenc ! "
    "tee allow-not-linked=true ! rtpjpegpay name=pay0 pt=26 )"
)
factory.set_backchannel_launch(
    f'( capsfilter caps="application/x-rtp, media=(string)audio, payload=(int){payload_type}, '
    f'clock-rate=(int)8000, encoding-name=(string){codec}" name=depay_backchannel ! rtp{name}depay ! {decoder} ! '
    "tee name=t t. ! queue ! audioconvert ! audioresample ! interaudiosink channel=street sync=false async=false "
    f"t. ! queue ! filesink location={folder}/heard.s16 buffer-mode=unbuffered async=false )"
)
server.get_mount_points().add_factory("/camera", factory)
microphone = GstRtspServer.RTSPMediaFactory()
microphone.set_launch(
    f"( interaudiosrc channel=street ! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! {encoder} ! "
    f"rtp{name}pay name=pay0 pt={payload_type} )"
)
server.get_mount_points().add_factory("/microphone", microphone)
plain = GstRtspServer.RTSPMediaFactory()
plain.set_launch(
    "( videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120 ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)
server.get_mount_points().add_factory("/mute", plain)
if len(sys.argv) > 4:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(int(GstRtspServer.RTSPAuth and 2))  # GST_RTSP_AUTH_DIGEST
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_digest(sys.argv[3], sys.argv[4], token)
    server.set_auth(auth)
    for one in (factory, microphone, plain):
        one.add_role_from_structure(
            Gst.Structure.from_string(
                "user, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
            )[0]
        )
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
