namespace EdgeAgent.Tests;

/// <summary>Finds the repository and the real inputs that may lie beside it.</summary>
internal static class Repository
{
    /// <summary>The folder that holds EdgeAgent.sln.</summary>
    public static string Root { get; } = FindRoot();

    public static string FirmwareProfiles => Path.Combine(Root, "firmware-profiles");

    /// <summary>A file of the real inputs; skips the test where they are not there.</summary>
    public static string Shared(params string[] path)
    {
        var file = Path.GetFullPath(Path.Combine([Root, "..", "shared", .. path]));
        Assert.SkipUnless(File.Exists(file) || Directory.Exists(file), $"real input {Path.Combine(path)} is not beside the repository");
        return file;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "EdgeAgent.sln")))
                return folder.FullName;
        throw new InvalidOperationException("the tests do not run from inside the repository");
    }
}
