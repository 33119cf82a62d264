// Runs on the audio thread: 20 ms pieces of 16-bit samples, and how loud each is.

class TalkProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate * 0.02);
    this.piece = new Int16Array(this.size);
    this.filled = 0;
    this.loudest = 0;
  }

  process([[channel]]) {
    if (!channel) return true;
    for (const value of channel) {
      const clipped = Math.max(-1, Math.min(1, value));
      this.loudest = Math.max(this.loudest, Math.abs(clipped));
      this.piece[this.filled++] = Math.round(clipped * 32767);
      if (this.filled === this.size) {
        const samples = this.piece.slice().buffer;
        this.port.postMessage({ samples, level: this.loudest }, [samples]);
        this.filled = 0;
        this.loudest = 0;
      }
    }
    return true;
  }
}

registerProcessor("talk", TalkProcessor);
