// What a state is called, and which colour a class has.

const TITLES = {
  connecting: "Connecting to camera",
  stalled: "Camera stalled",
  lost: "Camera lost",
  frozen: "Picture frozen",
  black: "Picture black",
  resized: "Picture size changed",
  ended: "Recording ended",
  late: "No new picture",
  offline: "Connection lost",
};
const CONDITIONS = {
  faulted: "Not to be trusted",
  fallback: "Running on the fallback model",
  recalibrating: "Recalibrating",
};
const CALM = new Set(["connecting", "ended"]);

export const conditionOf = (state) => CONDITIONS[state] ?? state;
export const titleOf = (state) => TITLES[state] ?? `Camera ${state}`;
export const isTrouble = (state) => state !== "live" && !CALM.has(state);

// Apart from each other on grey parts, and none is the red or green of a state.
const COLOURS = [
  "#ffb000", "#4cc9f0", "#ff6fb5", "#b9f227", "#b79cff", "#ff8552", "#2ee6c5", "#ffe66d",
];
export function colourOf(classId) {
  const turn = (classId * 137.508) % 360;
  return COLOURS[classId] ?? `hsl(${turn.toFixed(0)} 85% 68%)`;
}
