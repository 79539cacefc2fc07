//! Transposes between channels first and channels last.

/// Channels first to channels last.
pub fn to_channels_last(input: &[f32], batch: usize, channels: usize, pixels: usize, out: &mut [f32]) {
    transpose(input, batch, channels, pixels, out);
}

/// Channels last to channels first.
pub fn to_channels_first(input: &[f32], batch: usize, channels: usize, pixels: usize, out: &mut [f32]) {
    transpose(input, batch, pixels, channels, out);
}

/// Transposes each matrix of a batch.
pub fn transpose(input: &[f32], batch: usize, rows: usize, columns: usize, out: &mut [f32]) {
    let size = rows * columns;
    for index in 0..batch {
        for row in 0..rows {
            for column in 0..columns {
                out[index * size + column * rows + row] = input[index * size + row * columns + column];
            }
        }
    }
}
