//! What a header declares, as data.

use serde_json::{Value, json};

/// Its version, functions and callbacks: what ends with `;` outside of comments.
pub fn of(header: &str) -> Value {
    let version = header.split("#define CJI_ABI_VERSION ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let code: Vec<&str> = header
        .split("*/")
        .map(|part| part.split("/*").next().unwrap_or_default())
        .flat_map(str::lines)
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    let code = code.join(" ");
    let declared = || code.split(';').map(str::trim);
    let functions: Vec<Value> = declared().filter_map(function).collect();
    let callbacks: Vec<Value> = declared().filter_map(callback).collect();
    let version = version.and_then(|v| v.parse::<u32>().ok()).expect("a number");
    json!({"abi_version": version, "functions": functions, "callbacks": callbacks})
}

fn function(declaration: &str) -> Option<Value> {
    let (before, parameters) = declaration.strip_suffix(')')?.split_once('(')?;
    if before.starts_with("typedef") {
        return None;
    }
    let (returns, name) = typed(before);
    Some(declared(name, returns, parameters))
}

/// `typedef int32_t (*cji_progress)(…)`.
fn callback(declaration: &str) -> Option<Value> {
    let (returns, rest) = declaration.strip_prefix("typedef ")?.strip_suffix(')')?.split_once("(*")?;
    let (name, parameters) = rest.split_once(")(")?;
    Some(declared(name, returns.trim_end(), parameters))
}

fn declared(name: &str, returns: &str, parameters: &str) -> Value {
    let parameters = parameters.split(", ").filter(|parameter| *parameter != "void");
    let parameters: Vec<Value> = parameters
        .map(|parameter| {
            let (kind, name) = typed(parameter);
            json!({"name": name, "type": kind})
        })
        .collect();
    json!({"name": name, "returns": returns, "parameters": parameters})
}

/// `char *name` as its type and its name.
fn typed(declared: &str) -> (&str, &str) {
    let (kind, name) = declared.split_at(declared.rfind([' ', '*']).expect("a type and a name") + 1);
    (kind.trim_end(), name)
}
