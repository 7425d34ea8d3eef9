// Times of many runs as a record has them; quantiles as NumPy's default, by linear interpolation.

export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort(), place = share * (sorted.length - 1), below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Minimum, quantiles, and the means of the first and the last tenth, which differ where a device gets hot. */
export function describe(times) {
  const tenth = Math.max(1, Math.floor(times.length / 10));
  return {
    runs: times.length, min: Math.min(...times), p50: quantile(times, 0.5), p90: quantile(times, 0.9), p99: quantile(times, 0.99),
    first_tenth: mean(times.slice(0, tenth)), last_tenth: mean(times.slice(-tenth)),
  };
}

/** How far two results are apart in the hole; bars that are null are not asked for. */
export function compare(result, expected, mask, bars) {
  let most = 0, differing = 0, squared = 0, values = 0;
  for (let i = 0; i < mask.length; i++)
    for (let c = 3 * i; c < 3 * i + 3; c++) {
      const distance = Math.abs(result[c] - expected[c]);
      if (mask[i] < 128) {
        if (distance) return { max_level_difference: 255, differing_share: 1, hole_psnr_db: 0, same: false }; // a kept pixel
      } else {
        values++;
        squared += distance * distance;
        if (distance) differing++;
        most = Math.max(most, distance);
      }
    }
  const share = differing / values, psnr = squared ? 10 * Math.log10(255 * 255 * values / squared) : null;
  const same = (bars.max_level_difference === null || most <= bars.max_level_difference)
    && (bars.differing_share === null || share <= bars.differing_share)
    && (bars.hole_psnr_db === null || psnr === null || psnr >= bars.hole_psnr_db);
  return { max_level_difference: most, differing_share: share, hole_psnr_db: psnr, same };
}
