//! Which tensor of a file goes to which parameter: all is found out before anything is changed.

use super::contents::{Contents, accepted, counts};
use super::error::{CheckpointError, Misfit};
use super::options::{LoadOptions, Loaded};
use crate::module::{Module, Path};
use std::collections::BTreeMap;
use std::path::Path as FilePath;
use wengert::{Float, Tensor};

/// New values of a model's parameters, in its order; None for those that stay.
pub(super) type Values<T> = Vec<Option<Tensor<T>>>;

/// Finds a value for every parameter of `model`.
pub(super) fn fit<T: Float>(
    path: &FilePath,
    model: &(impl Module<T> + ?Sized),
    contents: Contents<'_>,
    options: &LoadOptions,
) -> Result<(Values<T>, Loaded), CheckpointError> {
    let mut loaded = Loaded { metadata: contents.metadata, ..Loaded::default() };
    let (mut misfits, mut missing, mut values) = (vec![], vec![], vec![]);
    let mut unexpected: Vec<(String, Vec<usize>)> = vec![];
    // By the names in the model, with those in the file.
    let mut left = BTreeMap::new();
    for (name, stored) in contents.tensors {
        match options.rename(&name) {
            Some(renamed) => _ = left.insert(renamed, (name, stored)),
            None => unexpected.push((name, stored.shape)),
        }
    }
    model.visit(&Path::root(), &mut |place, parameter| {
        let (place, expected) = (place.to_string(), parameter.value().shape());
        let Some((name, stored)) = left.remove(&place) else {
            missing.push((place, expected.to_vec()));
            return values.push(None);
        };
        let integers = counts(&place);
        if stored.shape[..] != expected[..] {
            let expected = expected.to_vec();
            misfits.push(Misfit::Shape { name, expected, found: stored.shape });
        } else if let Some(numbers) = stored.numbers(integers) {
            return values.push(Tensor::from_vec(numbers, expected).ok());
        } else {
            let (expected, found) = (accepted(integers), stored.dtype.to_string());
            misfits.push(Misfit::Type { name, expected, found });
        }
        values.push(None);
    });
    unexpected.extend(left.into_values().map(|(name, stored)| (name, stored.shape)));
    unexpected.sort();
    let hint = hint(&missing, &unexpected);
    loaded.missing = missing.iter().map(|(name, _)| name.clone()).collect();
    loaded.unexpected = unexpected.iter().map(|(name, _)| name.clone()).collect();
    if !options.missing {
        misfits.extend(missing.into_iter().map(|(name, shape)| Misfit::Missing { name, shape }));
    }
    if !options.unexpected {
        misfits.extend(unexpected.into_iter().map(|(name, shape)| Misfit::Unexpected { name, shape }));
    }
    match misfits.is_empty() {
        true => Ok((values, loaded)),
        false => Err(CheckpointError::Misfits { path: path.into(), misfits, hint }),
    }
}

/// Gives the parameters their values.
pub(super) fn put<T: Float>(model: &mut (impl Module<T> + ?Sized), values: Values<T>) {
    let mut values = values.into_iter();
    model.visit_mut(&Path::root(), &mut |_, parameter| {
        if let Some(value) = values.next().flatten() {
            parameter.replace(value);
        }
    });
}

/// What all names have in front on one side alone.
fn hint(missing: &[(String, Vec<usize>)], unexpected: &[(String, Vec<usize>)]) -> Option<String> {
    let longer = |prefix: &str, short: &[(String, Vec<usize>)], long: &[(String, Vec<usize>)]| {
        let has = |name, shape| long.iter().any(|(known, other)| *known == name && other == shape);
        short.iter().all(|(name, shape)| has(format!("{prefix}{name}"), shape))
    };
    let (wanted, _) = missing.first()?;
    for (name, _) in unexpected {
        if let Some(prefix) = name.strip_suffix(wanted.as_str())
            && longer(prefix, missing, unexpected)
        {
            return Some(format!("the file's names begin with `{prefix}`: strip_prefix({prefix:?})"));
        }
    }
    let (name, _) = unexpected.first()?;
    for (wanted, _) in missing {
        if let Some(prefix) = wanted.strip_suffix(name.as_str())
            && longer(prefix, unexpected, missing)
        {
            return Some(format!("the file's names lack `{prefix}`: add_prefix({prefix:?})"));
        }
    }
    None
}
