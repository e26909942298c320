//! Methods of the trait `FileSystem` that are Deno's own, but for the path.

/// Methods of the trait that do to a file what Deno's do. A path is followed by what is done to it.
macro_rules! passed_on {
    ($($now:ident, $later:ident(
        $($path:ident: $access:ident),+; $($name:ident: $kind:ty),*
    ) -> $result:ty;)+) => {$(
        fn $now(&self, $($path: &CheckedPath,)+ $($name: $kind),*) -> FsResult<$result> {
            $(
                let original = renamed($path, Access::$access)?;
                let $path = original.as_ref().unwrap_or($path);
            )+
            RealFs.$now($($path,)+ $($name),*)
        }

        passed_on_later! { $later($($path: $access),+; $($name: $kind),*) -> $result }
    )+};
}

macro_rules! passed_on_later {
    ($later:ident(
        $($path:ident: $access:ident),+; $($name:ident: $kind:ty),*
    ) -> $result:ty) => {
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
                $(
                    let original = renamed(&$path.as_checked_path(), Access::$access)?;
                    let $path = original.map_or($path, CheckedPath::into_owned);
                )+
                RealFs.$later($($path,)+ $($name),*).await
            })
        }
    };
}

/// Methods that only look at a file, and do for a stream what `$of_stream` does.
macro_rules! looked_at {
    ($($now:ident, $later:ident -> $result:ty, $of_stream:expr;)+) => {$(
        fn $now(&self, path: &CheckedPath) -> FsResult<$result> {
            match Place::of(path, Access::Reads)? {
                Place::File(original) => RealFs.$now(original.as_ref().unwrap_or(path)),
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
                match Place::of(&path.as_checked_path(), Access::Reads)? {
                    Place::File(original) => {
                        let path = original.map_or(path, CheckedPath::into_owned);
                        RealFs.$later(path).await
                    }
                    Place::Stream(number) => $of_stream(number),
                }
            })
        }
    )+};
}
