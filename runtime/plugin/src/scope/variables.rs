//! Environment variables that a page may set.
//!
//! Most programs load code named by some variable, or search for code in a folder named by one. No list of such
//! variables is complete, so an entry lists the allowed variables: names, and prefixes that belong to the app.

use super::quoted;

/// Least characters before the `*` of a prefix. A shorter prefix covers the variables of many programs.
const MIN_PREFIX_CHARS: usize = 3;

/// Variables that make a common program load code, read configuration, certificates or temporary files from
/// another place, or send data to another place. A prefix of an entry does not cover them. `*` as in an entry.
/// Compared in upper case: some programs read both.
const DANGEROUS: &[&str] = &[
    // The loader, the C library and memory allocators.
    "LD_* DYLD_* _RLD* LIBPATH SHLIB_PATH GLIBC_TUNABLES GCONV_PATH GETCONF_DIR HOSTALIASES LOCALDOMAIN \
     LOCPATH NLSPATH NIS_PATH MALLOC_* RES_OPTIONS RESOLV_* TZDIR ICU_DATA ASAN_* LSAN_* MSAN_* TSAN_* \
     UBSAN_* LLVM_* GCOV_* QEMU_* VALGRIND_*",
    // Search paths and the folders of the user and the system.
    "PATH PATHEXT HOME XDG_* TMP TMPDIR TEMP TEMPDIR CDPATH FPATH COMSPEC SYSTEMROOT SYSTEMDRIVE WINDIR \
     USERPROFILE HOMEDRIVE HOMEPATH HOMESHARE APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES* \
     COMMONPROGRAM* ALLUSERSPROFILE PUBLIC PSMODULE* PSLOCKDOWNPOLICY __PSLOCKDOWNPOLICY",
    // Shells, and programs that other programs start.
    "BASH* SHELL SHELLOPTS ENV IFS PS0 PS1 PS2 PS3 PS4 PROMPT* GLOBIGNORE EXECIGNORE HISTFILE INPUTRC \
     ZDOTDIR ZSH* KSH* FCEDIT FISH_* EDITOR VISUAL PAGER MANPAGER BROWSER LESS* MORE MOST_* TERMINFO* \
     TERMCAP VIM* EXINIT NVIM_* EMACS* SUDO_* SSH_* GPG_* GNUPGHOME PINENTRY* FZF_* RIPGREP_* GREP_* \
     TAR_* RSYNC_* CVS* SVN_* HG* GIT_*",
    // JavaScript.
    "NODE_* NODE NPM_* NPX_* YARN_* PNPM_* COREPACK_* BUN_* DENO_* JSC_* TS_NODE_* TSX_* JITI_* BABEL_* \
     ESBUILD_* ELECTRON_* VITE_* VITEST* JEST_* NVM_* FNM_* VOLTA_* JS_RUNTIME_*",
    // Other languages.
    "PYTHON* PIP_* PIPENV_* UV_* VIRTUAL_ENV* CONDA_* POETRY_* PDM_* RUBY* GEM_* BUNDLE* RBENV_* PERL* \
     JAVA* _JAVA_* JDK_* JRE_* CLASSPATH MAVEN_* GRADLE_* SBT_* KOTLIN_* SCALA_* DOTNET_* COMPLUS_* \
     CORECLR_* COR_* ASPNETCORE_* MONO_* NUGET_* PHP* COMPOSER_* LUA* TCL* TK_LIBRARY R_* RENV_* JULIA_* \
     GUILE_* ERL_* ERLANG_* ELIXIR_* MIX_* OCAML* CAML* GHC* CABAL_* GO111MODULE GOBIN GODEBUG GOENV \
     GOFLAGS GOPATH GOPROXY GOROOT GOTOOL* CARGO* RUST* SWIFT* DART_* PUB_*",
    // Compilers and builds.
    "CC CXX CPP AR AS LD NM CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH LIBRARY_PATH COMPILER_PATH GCC_* \
     CCACHE_* MAKE* GNUMAKEFLAGS MFLAGS CMAKE_* NINJA_* MESON_* PKG_CONFIG* ACLOCAL* AUTOM4TE* BAZEL*",
    // Desktops, graphics, sound and web views.
    "G_* GIO_* GDK_* GTK* GST_* GI_TYPELIB_PATH GSETTINGS_* GEGL_* BABL_* GIMP* QT* QML* KDE* GNOME_* \
     DBUS_* DISPLAY WAYLAND_* XAUTHORITY XLOCALEDIR XMODIFIERS XKB_* XCURSOR_* IM_MODULE FONTCONFIG_* \
     PANGO_* CAIRO_* VK_* VULKAN_* LIBGL_* MESA_* EGL_* __EGL_* __GLX_* __GL_* GBM_* DRI_* LIBVA_* \
     VDPAU_* OCL_* OPENCL_* CUDA_* NVIDIA_* ROCM_* HIP_* SDL_* ALSA_* PULSE_* PIPEWIRE_* SPA_* JACK_* \
     LADSPA_* LV2_* VST_* FREI0R_* WEBKIT_* WEBVIEW2_* CHROME_* MOZ_* SNAP SNAP_* FLATPAK_* APPDIR \
     APPIMAGE*",
    // Certificates, keys, proxies, clouds.
    "OPENSSL_* SSL_* SSLKEYLOGFILE CURL_* REQUESTS_CA_BUNDLE NSS_* P11_* PKCS11_* SASL_* KRB5* GSS_* \
     LDAPCONF LDAPRC LDAPTLS_* HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY NETRC WGETRC AWS_* \
     AZURE_* GOOGLE_* CLOUDSDK_* KUBE* DOCKER_* CONTAINER_HOST CONTAINERS_* BUILDKIT_* HELM_* TF_* \
     ANSIBLE_* VAGRANT_*",
    // Databases and documents.
    "PGHOST* PGPASSFILE PGSERVICE* PGSYSCONFDIR PGSSL* PSQL* MYSQL_* MARIADB_* SQLITE_* ODBC* ORACLE_* \
     TNS_ADMIN MAGIC MAGICK_* GS_* TEXMF* TEXINPUTS MANPATH",
];

/// The variables that an entry allows.
#[derive(Debug, Default)]
pub(super) struct Variables {
    names: Vec<String>,
    prefixes: Vec<String>,
}

impl Variables {
    /// The error says which item is invalid, and how to write it.
    pub(super) fn new(list: &[String]) -> Result<Self, String> {
        let mut variables = Self::default();
        for item in list {
            match item.split_once('*') {
                None => variables.names.push(item.clone()),
                Some((prefix, "")) => {
                    check_prefix(item, prefix)?;
                    variables.prefixes.push(prefix.to_owned());
                }
                Some(_) => {
                    return Err(format!(
                        "has '{item}': a '*' may only be the last character, after a prefix, as in \"MY_APP_*\""
                    ));
                }
            }
        }
        Ok(variables)
    }

    /// Checks that a page may set the variable `name`. The error says why not.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        if self.names.iter().any(|listed| listed == name) {
            return Ok(());
        }
        if is_dangerous(name) {
            return Err(format!(
                "the variable '{}' makes programs load code or search for it elsewhere; its entry must list the \
                 full name in 'env'",
                quoted(name)
            ));
        }
        if self.prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            return Ok(());
        }
        Err(format!("its entry does not name the variable '{}' in 'env'", quoted(name)))
    }
}

fn check_prefix(item: &str, prefix: &str) -> Result<(), String> {
    if prefix.chars().count() < MIN_PREFIX_CHARS {
        return Err(format!(
            "has '{item}', which covers the variables of any program: list the names, as in \"LANG\", or a \
             prefix of {MIN_PREFIX_CHARS} or more characters that belongs to the app, as in \"MY_APP_*\""
        ));
    }
    if is_dangerous(prefix) {
        return Err(format!(
            "has '{item}', whose variables make programs load code or search for it elsewhere: list the full \
             names that a page may set"
        ));
    }
    Ok(())
}

fn is_dangerous(name: &str) -> bool {
    let name = name.to_uppercase();
    DANGEROUS.iter().flat_map(|group| group.split(' ')).any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[&str]) -> Result<Variables, String> {
        Variables::new(&list.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn no_prefix_covers_a_dangerous_variable() {
        for name in "LD_PRELOAD LD_AUDIT GLIBC_TUNABLES DYLD_INSERT_LIBRARIES PATH path Path PATHEXT HOME \
             USERPROFILE XDG_CONFIG_HOME XDG_DATA_DIRS TMPDIR TEMP IFS PS4 ENV BASH_ENV BASH_FUNC_ls%% \
             BASH_FUNC_ls() PROMPT_COMMAND SHELL EDITOR VISUAL PAGER LESSOPEN LESSCLOSE GIT_SSH_COMMAND \
             GIT_EXTERNAL_DIFF GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 NODE_OPTIONS NODE_PATH node_options \
             npm_config_script_shell NPM_CONFIG_PREFIX BUN_OPTIONS BUN_CONFIG_REGISTRY DENO_DIR \
             DENO_CERT JS_RUNTIME_APP RUBYOPT RUBYLIB GEM_PATH BUNDLE_GEMFILE PERL5OPT PERL5LIB PERL5DB \
             PYTHONPATH PYTHONSTARTUP PYTHONHOME _JAVA_OPTIONS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS \
             JAVA_HOME CLASSPATH DOTNET_STARTUP_HOOKS COMPlus_EnableDiagnostics CORECLR_PROFILER_PATH \
             COR_PROFILER LUA_INIT PHPRC PHP_INI_SCAN_DIR R_PROFILE ERL_FLAGS GOFLAGS RUSTC_WRAPPER \
             CARGO_HOME MAKEFLAGS VK_LAYER_PATH VK_ICD_FILENAMES VK_ADD_LAYER_PATH GIO_EXTRA_MODULES \
             GTK_MODULES GTK_PATH GDK_PIXBUF_MODULE_FILE QT_PLUGIN_PATH QT_QPA_PLATFORM_PLUGIN_PATH \
             QML2_IMPORT_PATH GST_PLUGIN_PATH LIBGL_DRIVERS_PATH OPENSSL_CONF OPENSSL_MODULES \
             SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE HTTPS_PROXY http_proxy KRB5_CONFIG GCONV_PATH \
             LOCPATH TERMINFO SSH_ASKPASS SUDO_ASKPASS PSModulePath ComSpec APPDATA AWS_CONFIG_FILE \
             KUBECONFIG DOCKER_HOST MAGICK_CONFIGURE_PATH"
            .split(' ')
        {
            assert!(is_dangerous(name), "{name}");
            let prefix: String = name.chars().take(MIN_PREFIX_CHARS).collect();
            let by_prefix = variables(&[&format!("{prefix}*")]);
            assert!(by_prefix.is_err() || by_prefix.is_ok_and(|it| it.check(name).is_err()), "{name}");
            let named = variables(&[name]).expect("a name");
            assert_eq!(named.check(name), Ok(()), "an entry with the full name");
        }
        for name in "API_KEY LANG LC_ALL TZ PATHS ENVIRONMENT LDAP_HOST MY_PATH NO_COLOR".split(' ')
        {
            assert!(!is_dangerous(name), "{name}");
        }
    }

    #[test]
    fn an_entry_lists_names_and_prefixes() {
        let some = variables(&["LANG", "MY_APP_*"]).expect("good");
        for (name, expected) in [
            ("LANG", true),
            ("LANGUAGE", false),
            ("lang", false),
            ("MY_APP_KEY", true),
            ("MY_APP_", true),
            ("MY_APP", false),
            ("my_app_key", false),
            ("", false),
            ("*", false),
        ] {
            assert_eq!(some.check(name).is_ok(), expected, "{name}");
        }
        for (item, expected) in [
            ("*", "covers the variables of any program"),
            ("A*", "covers the variables of any program"),
            ("MY*", "covers the variables of any program"),
            ("*_KEY", "may only be the last character"),
            ("MY_*_KEY", "may only be the last character"),
            ("**", "may only be the last character"),
            ("LD_*", "list the full names"),
            ("NODE_*", "list the full names"),
            ("GIT_CONFIG_*", "list the full names"),
        ] {
            assert!(variables(&[item]).expect_err(item).contains(expected), "{item}");
        }
    }
}
