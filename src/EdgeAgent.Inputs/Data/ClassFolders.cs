namespace EdgeAgent.Inputs;

/// <summary>Finds the class folders in a tree of files, and refuses trees that are not a data set.</summary>
internal static class ClassFolders
{
    /// <returns>What stands before every name (empty, or the top folders with '/'), the classes, and the images in order.</returns>
    /// <exception cref="InputException">See <see cref="LabelledImages.Open"/>.</exception>
    public static (string Prefix, string[] Classes, (string Name, int Label)[] Images) Find(string path, IImageSource source)
    {
        var files = source.Files.Where(IsPartOfData).ToList();
        var folders = source.Folders.Where(IsPartOfData).ToList();
        if (files.Count == 0)
            throw new InputException($"{path}: holds no images; put them into one folder per class");

        var prefix = "";
        while (OnlyFolder(folders, prefix) is { } top && folders.Any(folder => IsBelow(folder, top)))
            prefix = top;

        var classes = folders.Where(folder => IsBelow(folder, prefix)).Select(folder => folder[prefix.Length..])
            .Where(folder => !folder.Contains('/')).Order(StringComparer.Ordinal).ToArray();
        var labels = classes.Index().ToDictionary(c => c.Item, c => c.Index, StringComparer.Ordinal);
        var counts = new int[classes.Length];
        var images = new List<(string Name, int Label)>(files.Count);
        string? stray = null;
        foreach (var file in files)
        {
            var name = file.StartsWith(prefix, StringComparison.Ordinal) ? file[prefix.Length..] : file;
            var slash = name.IndexOf('/');
            if (slash > 0 && labels.TryGetValue(name[..slash], out var label))
            {
                images.Add((name, label));
                counts[label]++;
            }
            else if (LooksLikeImage(name))
            {
                stray = stray is null || StringComparer.Ordinal.Compare(name, stray) < 0 ? name : stray;
            }
        }

        if (stray is not null)
            throw new InputException($"{path}: image '{stray}' is not in a class folder; put every image into the folder of its class");
        if (images.Count == 0)
            throw new InputException($"{path}: holds no images; put them into one folder per class");
        if (Array.IndexOf(counts, 0) is var empty and >= 0)
            throw new InputException($"{path}: class '{classes[empty]}' is empty; add images to it, or remove its folder");
        if (classes.Length == 1)
            throw new InputException($"{path}: holds one class only ('{classes[0]}'); a classifier needs at least two class folders");

        images.Sort((a, b) => a.Label != b.Label ? a.Label - b.Label : StringComparer.Ordinal.Compare(a.Name, b.Name));
        return (prefix, classes, images.ToArray());
    }

    /// <summary>The single folder directly below <paramref name="prefix"/>, with '/', or null where there are none or several.</summary>
    private static string? OnlyFolder(List<string> folders, string prefix)
    {
        var below = folders.Where(folder => IsBelow(folder, prefix) && !folder[prefix.Length..].Contains('/')).Take(2).ToArray();
        return below.Length == 1 ? below[0] + '/' : null;
    }

    private static bool IsBelow(string name, string prefix) => name.Length > prefix.Length && name.StartsWith(prefix, StringComparison.Ordinal);

    public static bool IsPartOfData(string name) =>
        name.Split('/').All(part => part[0] != '.' && part is not ("__MACOSX" or "Thumbs.db" or "desktop.ini"));

    public static bool LooksLikeImage(string name) =>
        System.IO.Path.GetExtension(name).ToLowerInvariant() is ".jpg" or ".jpeg" or ".png" or ".bmp";
}
