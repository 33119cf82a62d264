// A short two-tone sound for grave alerts, made here: no file to load.

let context = null;
let last = 0;

export function chime() {
  if (Date.now() - last < 3000) return;
  last = Date.now();
  try {
    context ??= new AudioContext();
    [880, 660].forEach((hertz, index) => {
      const tone = context.createOscillator(), gain = context.createGain();
      const at = context.currentTime + index * 0.18;
      tone.frequency.value = hertz;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(0.15, at + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.17);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.18);
    });
  } catch { /* a browser without sound still shows the alert */ }
}
