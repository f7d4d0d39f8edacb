// What the service sends and takes: the shapes of /openapi.json that this page uses.

export type CameraState =
  | "connecting" | "live" | "stale" | "stalled" | "lost" | "frozen" | "black" | "resized" | "ended";

export type ServiceState =
  | "starting" | "running" | "degraded" | "blind" | "fallback" | "recalibrating" | "faulted";

export type Verdict = "ok" | "ng" | "unknown";
export type Role = "viewer" | "operator" | "engineer";

/** x1, y1, x2, y2 in pixels of the frame. */
export type Corners = [number, number, number, number];
/** x, y as shares of the frame's width and height, 0..1. */
export type Point = [number, number];

export interface Found {
  box: Corners;
  score: number;
  /** A live frame names the class by its number, a recorded one by its label. */
  class_id?: number;
  label?: string;
}

export interface Stats {
  fps: number;
  dropped: number;
  latency_ms: { p50: number | null; p99: number | null };
}

/** What is said about a picture; `age_ms` is counted up to `sent_at` (seconds, the server's clock). */
export interface FrameHeader {
  camera: string;
  index: number;
  width: number;
  height: number;
  detections: Found[];
  stats: Stats | null;
  age_ms: number;
  sent_at?: number;
  seq?: number;
  verdict?: Verdict | null;
}

export interface CameraNote {
  camera: string;
  state: CameraState;
  reason: string;
}

/** `state` of a reason: the service's own, a camera's, or that somebody should look after something. */
export interface Condition {
  state: ServiceState | CameraState | "warning";
  reason: string;
}

export interface ServiceNote {
  engine: string;
  conditions: Condition[];
}

export interface Hello extends ServiceNote {
  labels: string[];
  model: string;
  version: string;
  stale_ms: number;
  cameras: CameraNote[];
}

export interface Session {
  name: string;
  role: Role | null;
  login: "none" | "required";
}

export interface CameraRow {
  name: string;
  state: CameraState;
  reason: string;
  width: number | null;
  height: number | null;
  fps: number;
  age_ms: number | null;
}

export interface DetectionRow {
  id: number;
  camera: string;
  frame: number;
  at: string;
  age_ms: number;
  verdict: Verdict | null;
  width: number;
  height: number;
  boxes: Found[];
  /** Absent: it has one. */
  has_picture?: boolean;
}

export interface Paged<Item> {
  items: Item[];
  next: number | string | null;
}

export interface Temperature {
  name: string;
  c: number;
}

export type Host = { temperatures?: Temperature[] } & Record<string, unknown>;

export interface Spread {
  p50: number | null;
  p99: number | null;
}

export interface CameraHealth extends CameraNote {
  fps: number;
  age_s: number | null;
}

export interface Health {
  state: ServiceState;
  reasons: Condition[];
  cameras: CameraHealth[];
  engine: string;
  bundle: string | null;
  uptime_s: number;
  host: Host | null;
  latency_ms: Spread;
  frame_age_ms: Spread;
}

export type SeriesName =
  | "fps" | "frame_age_p50_ms" | "frame_age_p99_ms" | "latency_p50_ms" | "detections" | "temperature_c";
export type Series = { at: number[] } & Partial<Record<SeriesName, (number | null)[]>>;

export interface HistoryRow {
  at: string;
  what: string;
  who: string | null;
  why: string | null;
}

export type BundleStatus = "current" | "previous" | "candidate" | "rejected" | "old";

export interface BundleRow {
  id: string;
  made_at: string | null;
  precision: string | null;
  runtime: string | null;
  map: number | null;
  map50: number | null;
  /** F1 at IoU 0.50 and 0.85 with what FP32 finds, 0..1. */
  agreement: number | null;
  agreement_85?: number | null;
  status: BundleStatus;
  reason: string | null;
  report: boolean;
}

export interface Models {
  current: string | null;
  previous: string | null;
  candidate: string | null;
  /** Whether the last recalibration published nothing and left a report, `refused`. */
  refused?: boolean;
  bundles: BundleRow[];
}

export interface Recalibration {
  state: "idle" | "running" | "passed" | "failed";
  step: string | null;
  lines: string[];
  from: string | null;
  to: string | null;
  reason: string | null;
  started_at: string | null;
  seconds: number | null;
}

export interface CollectedRow {
  name: string;
  camera: string;
  at: string;
  why: string;
  kept: boolean | null;
  bytes: number;
}

export interface Collected extends Paged<CollectedRow> {
  images: number;
  megabytes: number;
  collecting?: boolean;
}

export interface Region {
  name: string;
  polygon: Point[];
}

export interface ClassRule {
  ng: boolean;
  min_score: number | null;
  min_width_px: number | null;
  min_height_px: number | null;
}

export interface Rules {
  regions: Region[];
  classes: Record<string, ClassRule>;
  max_age_ms: number;
}

export interface LineVersion {
  /** 0: there were no rules yet. */
  version: number;
  /** null: frames have no verdict. */
  rules: Rules | null;
  changed_at: string | null;
  who: string | null;
  why: string | null;
  /** NG classes that the model does not know: then every frame is UNKNOWN. */
  unknown_labels?: string[];
}

export interface HourRow {
  hour: string;
  camera: string;
  ok: number;
  ng: number;
  unknown: number;
  frames: number;
  dropped: number;
  blind_s: number;
  detections: Record<string, number>;
}

/** Who does something, and why: written down by the service before it is done. */
export interface Act {
  who: string;
  why: string;
}
