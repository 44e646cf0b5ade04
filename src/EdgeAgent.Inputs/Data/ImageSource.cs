namespace EdgeAgent.Inputs;

/// <summary>A tree of files, in a folder or in an archive. Names use '/', are relative, and stay inside the tree.</summary>
internal interface IImageSource : IDisposable
{
    /// <summary>Names of all files, in no particular order.</summary>
    IReadOnlyCollection<string> Files { get; }

    /// <summary>Names of all folders, empty ones too.</summary>
    IReadOnlyCollection<string> Folders { get; }

    /// <summary>The content of a file; from any thread.</summary>
    /// <exception cref="InputException">The file cannot be read, or is longer than an image may be.</exception>
    byte[] Read(string file);
}
