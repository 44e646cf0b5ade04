using EdgeAgent.Graph.Import;

namespace EdgeAgent.Tests.Graph;

/// <summary>What import does with a file that may be damaged: it loads, or is refused in one line that names it; anything else fails the test.</summary>
internal static class DamagedFile
{
    /// <returns>The one-line refusal, or null if the model loads.</returns>
    public static string? LoadOrRefuse(string name, byte[] bytes)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(name);
        File.WriteAllBytes(path, bytes);
        try
        {
            ModelImporter.Load(path).Verify();
            return null;
        }
        catch (ModelImportException refusal)
        {
            Assert.StartsWith(path, refusal.Message);
            Assert.DoesNotContain('\n', refusal.Message);
            return refusal.Message;
        }
    }
}
