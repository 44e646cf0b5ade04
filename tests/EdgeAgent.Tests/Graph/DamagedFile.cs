using EdgeAgent.Graph.Import;

namespace EdgeAgent.Tests.Graph;

/// <summary>What import does with a file that may be damaged: it loads, or is refused in one line that names it; anything else fails the test.</summary>
internal static class DamagedFile
{
    /// <summary>More than what any of the small models here could need: sizes are checked before they are believed.</summary>
    private const long MaxAllocatedBytes = 512L << 20;

    /// <returns>The one-line refusal, or null if the model loads.</returns>
    /// <param name="maxAllocatedBytes">Of managed memory, in all.</param>
    public static string? LoadOrRefuse(string name, byte[] bytes, long maxAllocatedBytes = MaxAllocatedBytes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File(name), bytes);
        return LoadOrRefuse(folder.File(name), maxAllocatedBytes);
    }

    /// <param name="path">A file, or the folder of a SavedModel.</param>
    public static string? LoadOrRefuse(string path, long maxAllocatedBytes = MaxAllocatedBytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            ModelImporter.Load(path).Verify();
            return null;
        }
        catch (ModelImportException refusal)
        {
            Assert.StartsWith(path, refusal.Message);
            Assert.DoesNotContain('\n', refusal.Message);
            // Users get a line; here it is a fault of the importer.
            Assert.False(refusal.InnerException is { } cause && ModelImporter.IsUnforeseen(cause), refusal.InnerException?.ToString());
            return refusal.Message;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, maxAllocatedBytes);
        }
    }
}
