//! `#[derive(Module)]`: an implementation of `wengert_nn::Module` read off the fields of a type.
//!
//! The implementation is generic over the number type, `impl<T: Float> Module<T> for Mlp where
//! Dense: Module<T>`, with one bound for each field's type and none on type parameters. So the
//! derive needs to know neither which number type the layers have nor what a type parameter stands
//! for: the compiler finds both through the fields, and `model.parameter_count()` needs no
//! annotation. The price: a field that is no module is reported where the model is first used as
//! one, not at the derive.
//!
//! `wengert-nn` re-exports it, and the code it writes names the paths of that crate.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Ident, Member, Result, Type, parse_quote};

/// Implements `Module` by visiting every field, in the order of declaration.
///
/// - A named field's parameters go by its name, an unnamed one's by its index: `hidden.weight`,
///   `0.weight`.
/// - A lone unnamed field adds nothing to the path: `struct Encoder(Vec<Dense>)` has `0.weight`.
/// - An enum has the parameters of the variant that it is; the variant adds nothing to the path.
/// - `#[module(skip)]` leaves a field out. Every other field's type must be a `Module`.
/// - A type may contain itself, by its plain name or as `Self`: `children: Vec<Tree>` in a `Tree`.
///
/// # Errors
/// On a union, and on any `#[module(..)]` that is not `#[module(skip)]` on a field.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let item = syn::parse_macro_input!(item as DeriveInput);
    expand(item).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(mut item: DeriveInput) -> Result<TokenStream> {
    let variants = variants(&item)?;
    let (visit, visit_mut) = (arms(&variants, "visit"), arms(&variants, "visit_mut"));
    // An empty enum has no value, but a reference to one must be looked through to see that.
    let subject = if variants.is_empty() { quote!(*self) } else { quote!(self) };
    // A bound that the type is to prove by itself would send the compiler around in circles.
    let bounds = variants.iter().flat_map(|variant| &variant.parts).map(|part| part.ty);
    let bounds = bounds.filter(|ty| !mentions(ty.to_token_stream(), &item.ident));
    let bounds: Vec<_> =
        bounds.map(|ty| quote_spanned!(ty.span()=> #ty: ::wengert_nn::Module<__T>)).collect();

    let (_, arguments, _) = item.generics.split_for_impl();
    let (name, arguments) = (&item.ident, quote!(#arguments));
    item.generics.params.push(parse_quote!(__T: ::wengert_nn::wengert::Float));
    let (parameters, _, own_bounds) = item.generics.split_for_impl();
    let own_bounds = own_bounds.iter().flat_map(|clause| &clause.predicates);
    // Underscores: a constant called `f` in the user's scope would make `f` a pattern.
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::wengert_nn::Module<__T> for #name #arguments
        where
            #(#own_bounds,)*
            #(#bounds,)*
        {
            fn visit<'__a>(
                &'__a self,
                __path: &::wengert_nn::Path<'_>,
                __f: &mut dyn ::core::ops::FnMut(
                    &::wengert_nn::Path<'_>,
                    &'__a ::wengert_nn::wengert::Parameter<__T>,
                ),
            ) {
                match #subject { #visit }
            }

            fn visit_mut<'__a>(
                &'__a mut self,
                __path: &::wengert_nn::Path<'_>,
                __f: &mut dyn ::core::ops::FnMut(
                    &::wengert_nn::Path<'_>,
                    &'__a mut ::wengert_nn::wengert::Parameter<__T>,
                ),
            ) {
                match #subject { #visit_mut }
            }
        }
    })
}

/// A struct, or a variant of an enum, and its fields that are visited.
struct Variant<'a> {
    name: TokenStream,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    member: Member,
    ty: &'a Type,
    /// The expression of the field's path.
    place: TokenStream,
}

fn variants(item: &DeriveInput) -> Result<Vec<Variant<'_>>> {
    refuse(&item.attrs)?;
    match &item.data {
        Data::Struct(data) => Ok(vec![Variant { name: quote!(Self), parts: parts(&data.fields)? }]),
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                refuse(&variant.attrs)?;
                let name = &variant.ident;
                Ok(Variant { name: quote!(Self::#name), parts: parts(&variant.fields)? })
            })
            .collect(),
        Data::Union(data) => Err(Error::new(
            data.union_token.span,
            "a union cannot be a `Module`, since nothing says which field holds the parameters; make it an enum",
        )),
    }
}

fn parts(fields: &Fields) -> Result<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    for (index, (member, field)) in fields.members().zip(fields).enumerate() {
        if skipped(field)? {
            continue;
        }
        let place = match &member {
            Member::Named(name) => {
                let name = name.unraw().to_string();
                quote!(&::wengert_nn::Path::child(__path, #name))
            }
            Member::Unnamed(_) if fields.len() == 1 => quote!(__path),
            Member::Unnamed(_) => quote!(&::wengert_nn::Path::index(__path, #index)),
        };
        parts.push(Part { member, ty: &field.ty, place });
    }
    Ok(parts)
}

/// The arms of a `match` on the variants that call `method` for each part.
fn arms(variants: &[Variant], method: &str) -> TokenStream {
    let method = format_ident!("{method}");
    let arms = variants.iter().map(|Variant { name, parts }| {
        let members = parts.iter().map(|part| &part.member);
        let places = parts.iter().map(|part| &part.place);
        let fields: Vec<_> = (0..parts.len()).map(|i| format_ident!("__field{i}")).collect();
        quote! {
            // `Name { 0: x, .. }` matches tuples and units too.
            #name { #(#members: #fields,)* .. } => {
                #(::wengert_nn::Module::<__T>::#method(#fields, #places, __f);)*
            }
        }
    });
    quote!(#(#arms)*)
}

/// Whether a type names `item`. `other::Item` is another type that happens to be called so.
fn mentions(ty: TokenStream, item: &Ident) -> bool {
    let mut qualified = false;
    ty.into_iter().any(|token| {
        let found = match &token {
            TokenTree::Ident(ident) => !qualified && (ident == item || ident == "Self"),
            TokenTree::Group(group) => mentions(group.stream(), item),
            _ => false,
        };
        qualified = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':');
        found
    })
}

/// Whether a field is marked `#[module(skip)]`.
fn skipped(field: &Field) -> Result<bool> {
    let mut skip = false;
    for attribute in attributes(&field.attrs) {
        match attribute.parse_args::<Ident>() {
            Ok(word) if word == "skip" => skip = true,
            Ok(word) => {
                let message =
                    format!("unknown word `{word}`; the only one is `skip`, as in `#[module(skip)]`");
                return Err(Error::new(word.span(), message));
            }
            Err(_) => return Err(Error::new_spanned(attribute, "expected `#[module(skip)]`")),
        }
    }
    Ok(skip)
}

/// An error for a `#[module(..)]` that is not on a field.
fn refuse(attrs: &[Attribute]) -> Result<()> {
    let message = "only a field takes `#[module(..)]`";
    attributes(attrs).next().map_or(Ok(()), |attribute| Err(Error::new_spanned(attribute, message)))
}

fn attributes(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attribute| attribute.path().is_ident("module"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message, and the source text that it points at.
    fn error(source: &str) -> (String, String) {
        let error = expand(syn::parse_str(source).unwrap()).unwrap_err();
        (error.to_string(), error.span().source_text().unwrap())
    }

    /// The expansion without white space.
    fn expansion(source: &str) -> String {
        expand(syn::parse_str(source).unwrap()).unwrap().to_string().replace(' ', "")
    }

    #[test]
    fn a_union_is_refused() {
        let (message, place) = error("union U { a: u8 }");
        assert!(message.starts_with("a union cannot be a `Module`"), "{message}");
        assert_eq!(place, "union");
    }

    #[test]
    fn an_unknown_word_is_named_and_pointed_at() {
        let (message, place) = error("struct S { #[module(skpi)] a: u8 }");
        assert_eq!(message, "unknown word `skpi`; the only one is `skip`, as in `#[module(skip)]`");
        assert_eq!(place, "skpi");
    }

    #[test]
    fn anything_but_one_word_in_parentheses_is_refused() {
        for attribute in [
            "#[module]",
            "#[module()]",
            "#[module = \"skip\"]",
            "#[module(skip = true)]",
            "#[module(skip, skip)]",
        ] {
            let (message, place) = error(&format!("struct S {{ {attribute} a: u8 }}"));
            assert_eq!((message.as_str(), place.as_str()), ("expected `#[module(skip)]`", attribute));
        }
    }

    #[test]
    fn the_attribute_belongs_to_fields() {
        for source in ["#[module(skip)] struct S;", "enum E { #[module(skip)] A }"] {
            let (message, place) = error(source);
            assert_eq!(message, "only a field takes `#[module(..)]`");
            assert_eq!(place, "#[module(skip)]");
        }
    }

    #[test]
    fn attributes_of_other_macros_are_let_be() {
        assert!(
            expansion("#[serde(x)] struct S { #[serde(skip)] a: u8 }").contains("u8:::wengert_nn::Module")
        );
    }

    #[test]
    fn every_visited_field_has_a_bound_and_a_skipped_one_none() {
        let code = expansion("struct S<M> where M: Clone { a: Vec<M>, #[module(skip)] b: Cell<u8> }");
        assert!(code.contains("whereM:Clone,Vec<M>:::wengert_nn::Module<__T>,{"), "{code}");
    }

    #[test]
    fn a_field_of_the_type_itself_has_no_bound() {
        for field in ["Vec<Tree>", "Option<Box<Self>>", "(u8, [Tree; 2])"] {
            let code = expansion(&format!("struct Tree(u8, {field});"));
            assert!(code.contains("whereu8:::wengert_nn::Module<__T>,{"), "{code}");
        }
        let code = expansion("struct Tree(other::Tree);");
        assert!(code.contains("whereother::Tree:::wengert_nn::Module<__T>,{"), "{code}");
    }
}
