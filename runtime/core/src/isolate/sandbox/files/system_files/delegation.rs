//! Macros for methods of `FileSystem` that call Deno's implementation with a pinned path.

/// Methods that pass pinned paths to Deno's implementation. Each path is followed by its access and by the handling
/// of a link at its end.
macro_rules! passed_on {
    ($($now:ident, $later:ident(
        $($path:ident: $access:ident $end:ident),+; $($name:ident: $kind:ty),*
    ) -> $result:ty;)+) => {$(
        fn $now(&self, $($path: &CheckedPath,)+ $($name: $kind),*) -> FsResult<$result> {
            $(let $path = of_file($path, Access::$access, End::$end)?;)+
            RealFs.$now($(&$path.checked(),)+ $($name),*)
        }

        fn $later<'this, 'async_trait>(
            &'this self,
            $($path: CheckedPathBuf,)+
            $($name: $kind),*
        ) -> Later<'async_trait, $result>
        where
            'this: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async move {
                $(let $path = of_file(&$path.as_checked_path(), Access::$access, End::$end)?;)+
                RealFs.$later($($path.owned(),)+ $($name),*).await
            })
        }
    )+};
}

/// Methods that only inspect a file. For a stream they call `$of_stream`.
macro_rules! looked_at {
    ($($now:ident, $later:ident $end:ident -> $result:ty, $of_stream:expr;)+) => {$(
        fn $now(&self, path: &CheckedPath) -> FsResult<$result> {
            match Place::of(path, Access::Reads, End::$end)? {
                Place::File(held) => RealFs.$now(&held.checked()),
                Place::Stream(number) => $of_stream(number),
            }
        }

        fn $later<'this, 'async_trait>(
            &'this self,
            path: CheckedPathBuf,
        ) -> Later<'async_trait, $result>
        where
            'this: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async move {
                match Place::of(&path.as_checked_path(), Access::Reads, End::$end)? {
                    Place::File(held) => RealFs.$later(held.owned()).await,
                    Place::Stream(number) => $of_stream(number),
                }
            })
        }
    )+};
}
