//! Texts as numbers.

use std::error::Error;
use std::path::Path;
use wengert_datasets::TensorDataset;
use wengert_nn::prelude::*;

/// Act I, and Act II into its second scene, of The Tragedy of Coriolanus by William Shakespeare (about 1608), which is in
/// the public domain: the first 49,429 characters of the text that is known as "tiny Shakespeare",
/// data/tinyshakespeare/input.txt of github.com/karpathy/char-rnn.
const CORIOLANUS: &str = include_str!("coriolanus.txt");

/// A text and the characters that it is made of.
pub struct Text {
    /// What it is called in what is printed.
    pub name: String,
    /// Each character once, in order.
    pub characters: Vec<char>,
    /// The text, as places in that list.
    pub numbers: Vec<usize>,
}

impl Text {
    /// The text in a file, or the embedded one.
    pub fn read(path: Option<&Path>) -> Result<Text, Box<dyn Error>> {
        let Some(path) = path else { return Ok(Text::new("coriolanus".into(), CORIOLANUS)) };
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| named(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            named(&format_args!("byte {} is no UTF-8; expected a text", error.utf8_error().valid_up_to()))
        })?;
        Ok(Text::new(path.display().to_string(), &text))
    }

    fn new(name: String, text: &str) -> Text {
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        let place = |c| characters.binary_search(&c).expect("all characters are in the list");
        let numbers = text.chars().map(place).collect();
        Text { name, characters, numbers }
    }

    /// Passages of `length` characters, which overlap by half, and the character that follows each.
    pub fn passages(&self, length: usize) -> Result<TensorDataset<usize, usize>, Box<dyn Error>> {
        let count = self.numbers.len();
        if count <= length {
            let expected = format!("expected more than the {length} of a passage");
            return Err(format!("{}: {count} characters, {expected}", self.name).into());
        }
        let starts: Vec<usize> = (0..count - length).step_by(length.div_ceil(2)).collect();
        let all = |shift: usize| -> Vec<usize> {
            starts.iter().flat_map(|start| &self.numbers[start + shift..][..length]).copied().collect()
        };
        let shape = [starts.len(), length];
        Ok(TensorDataset::new(Tensor::from_vec(all(0), &shape)?, Tensor::from_vec(all(1), &shape)?)?)
    }

    /// Numbers as text.
    pub fn spell(&self, numbers: &[usize]) -> String {
        numbers.iter().map(|&number| self.characters[number]).collect()
    }
}
