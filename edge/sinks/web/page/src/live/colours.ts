// Apart from each other on grey parts, and none is the red or green of a verdict.

const COLOURS = [
  "#ffb000", "#4cc9f0", "#ff6fb5", "#b9f227", "#b79cff", "#ff8552", "#2ee6c5", "#ffe66d",
];
const GOLDEN_ANGLE = 137.508;

export function colourOf(classId: number): string {
  const known = COLOURS[classId];
  return known ?? `hsl(${((classId * GOLDEN_ANGLE) % 360).toFixed(0)} 85% 68%)`;
}
