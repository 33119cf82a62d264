// Plane coordinates for the map (web Mercator, EPSG:3857) and the shift between WGS-84 and China's GCJ-02.

const R = 6378137;
const rad = Math.PI / 180;

// Longitude and latitude in degrees to the unit square, x to the east and y to the south.
export function project([lon, lat]) {
  const bounded = Math.max(-85.05, Math.min(85.05, lat));
  return [lon / 360 + 0.5, 0.5 - Math.log(Math.tan(Math.PI / 4 + bounded * rad / 2)) / (2 * Math.PI)];
}

export function unproject([x, y]) {
  return [(x - 0.5) * 360, (2 * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 2) / rad];
}

export const metresPerUnit = (lat) => 2 * Math.PI * R * Math.cos(lat * rad);

// The way back, by fixed-point iteration: the shift changes by less than a thousandth over its own length.
export function fromGcj02([lon, lat]) {
  let found = [lon, lat];
  for (let turn = 0; turn < 3; turn += 1) {
    const [x, y] = toGcj02(found);
    found = [found[0] + lon - x, found[1] + lat - y];
  }
  return found;
}

// WGS-84 to GCJ-02 by the published approximation on the Krasovsky 1940 ellipsoid; a few metres at worst.
export function toGcj02([lon, lat]) {
  if (lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lon, lat];
  const a = 6378245, ee = 0.00669342162296594323, x = lon - 105, y = lat - 35;
  const waves = (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2 / 3;
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x)) + waves
    + (20 * Math.sin(y * Math.PI) + 40 * Math.sin(y / 3 * Math.PI)) * 2 / 3 + (160 * Math.sin(y / 12 * Math.PI) + 320 * Math.sin(y * Math.PI / 30)) * 2 / 3;
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + waves
    + (20 * Math.sin(x * Math.PI) + 40 * Math.sin(x / 3 * Math.PI)) * 2 / 3 + (150 * Math.sin(x / 12 * Math.PI) + 300 * Math.sin(x / 30 * Math.PI)) * 2 / 3;
  const magic = 1 - ee * Math.sin(lat * rad) ** 2;
  return [lon + east / (a / Math.sqrt(magic) * Math.cos(lat * rad) * rad), lat + north / (a * (1 - ee) / (magic * Math.sqrt(magic)) * rad)];
}
