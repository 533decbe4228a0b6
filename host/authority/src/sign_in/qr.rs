//! A QR code as SVG, drawn here: no page needs a script for it, and nobody else hears of the secret.

use std::fmt::Write as _;

use access_model::PlainSecret;
use qrcodegen::{QrCode, QrCodeEcc};

use crate::error::Error;

/// Modules of quiet around it (ISO/IEC 18004 §6.3.8).
const QUIET: i32 = 4;

/// Draws `text`. Dark on light whatever the page's colours are, so that every reader takes it.
pub(super) fn svg(text: &PlainSecret) -> Result<PlainSecret, Error> {
    let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).map_err(Error::internal)?;
    let size = code.size();
    let whole = size + 2 * QUIET;
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let length = (x..size).take_while(|at| code.get_module(*at, y)).count();
            let length = i32::try_from(length).map_err(Error::internal)?;
            if length > 0 {
                // Writing to a string never fails.
                let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
            }
            x += length.max(1);
        }
    }
    Ok(PlainSecret::new(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" shape-rendering=\"crispEdges\" \
         role=\"img\" aria-label=\"QR code for an authenticator app\">\
         <path fill=\"#fff\" d=\"M0 0h{whole}v{whole}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_and_no_other() {
        let text = PlainSecret::new("otpauth://totp/CronFlow:ada%40example.com?secret=GEZDGNBV".into());
        let drawn = svg(&text).unwrap();
        let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).unwrap();
        let path = drawn.expose().split("fill=\"#000\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut dark = std::collections::BTreeSet::new();
        for run in path.split('z').filter(|run| !run.is_empty()) {
            let (at, length) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            let length: i32 = length.split('v').next().unwrap().parse().unwrap();
            dark.extend((x..x + length).map(|x| (x - QUIET, y - QUIET)));
        }
        for (x, y) in (0..code.size()).flat_map(|x| (0..code.size()).map(move |y| (x, y))) {
            assert_eq!(dark.contains(&(x, y)), code.get_module(x, y), "{x} {y}");
        }
    }
}
