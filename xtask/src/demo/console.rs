//! What the demo says.

/// Numbers the steps.
pub(super) struct Console {
    next: usize,
    last: usize,
}

impl Console {
    pub(super) fn new(steps: usize) -> Self {
        Self { next: 1, last: steps }
    }

    pub(super) fn step(&mut self, what: &str) {
        println!("\n[{}/{}] {what}", self.next, self.last);
        self.next += 1;
    }
}

/// The text, each line moved to the right.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_moves_to_the_right() {
        assert_eq!(indented("a\nb\n"), "    a\n    b\n");
        assert_eq!(indented(""), "");
    }
}
