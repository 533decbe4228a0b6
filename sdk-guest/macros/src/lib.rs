//! `#[policy]`: makes a policy of one plain function. Its documentation stands in `cronflow-policy`, which is what
//! authors import.
//!
//! The function is read token by token, for its name, its doc comment and the type of its settings: what a whole parser of
//! Rust would add is build time on every author's machine.

mod function;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use function::Function;

/// Makes a policy of one plain function: see `cronflow_policy::policy`.
#[proc_macro_attribute]
pub fn policy(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).into()
}

fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::read(arguments, item.clone()) {
        Ok(function) => function,
        // the function stays, so that this is the one error
        Err(error) => return quote!(#error #item),
    };
    let Function { name, description, settings } = function;
    let description = Literal::string(&description);
    let (judge, check) = match settings {
        None => (
            quote!(|facts, settings| ::cronflow_policy::__private::no_settings(settings).map(|()| #name(facts))),
            quote!(|settings| ::cronflow_policy::__private::no_settings(settings)),
        ),
        Some(kind) => (
            quote!(|facts, settings| {
                ::cronflow_policy::__private::settings::<#kind>(settings).map(|settings| #name(facts, &settings))
            }),
            quote!(|settings| ::cronflow_policy::__private::settings::<#kind>(settings).map(drop)),
        ),
    };
    quote! {
        #item

        /// The policy of this crate: what a host runs, and what its cases run.
        pub static POLICY: ::cronflow_policy::Policy =
            ::cronflow_policy::Policy::new(env!("CARGO_PKG_NAME"), #description, #judge, #check);

        ::cronflow_policy::__export!();
    }
}

#[cfg(test)]
mod tests;
