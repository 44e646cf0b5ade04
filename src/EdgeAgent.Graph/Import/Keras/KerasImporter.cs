using System.IO.Compression;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Keras models to the graph IR: .h5 files of Keras 1 and 2 (and 3's legacy format), and .keras archives of Keras 3 and, since 2.12, 2.</summary>
internal static class KerasImporter
{
    private const string ConfigEntry = "config.json", MetadataEntry = "metadata.json", WeightsEntry = "model.weights.h5";
    private const int MaxConfigBytes = 1 << 25;

    /// <summary>Weights hardly compress; an entry that grows by more than this and is large is a bomb.</summary>
    private const int MaxInflation = 100, AlwaysAllowed = 1 << 26;

    public static GraphSpec ImportHdf5(byte[] bytes, string name, OpenSizes open)
    {
        using var file = new Hdf5Reader(bytes);
        var config = file.Text("", "model_config")
            ?? throw new ImportFault("holds weights only, not the model; save the whole model (model.save, not save_weights)");
        var version = file.Text("", "keras_version") ?? "";
        var root = file.Exists("model_weights") ? "model_weights" : "";
        var model = KerasJson.Parse(System.Text.Encoding.UTF8.GetBytes(config), "model_config");
        return KerasModelBuilder.Build(model, new LegacyWeights(file, root), version.StartsWith('3'), name, open);
    }

    public static GraphSpec ImportArchive(byte[] bytes, string name, OpenSizes open)
    {
        ZipArchive archive;
        try
        {
            archive = new(new MemoryStream(bytes, writable: false), ZipArchiveMode.Read);
            // The directory is read when it is first asked for: here, where its faults are expected.
            _ = archive.Entries;
        }
        catch (InvalidDataException e)
        {
            throw new ImportFault($"is no zip archive or is cut short ({ModelImportException.OneLine(e.Message)}); copy it again");
        }
        using (archive)
        {
            var config = KerasJson.Parse(Extract(archive, ConfigEntry, MaxConfigBytes), ConfigEntry);
            // Keras 2 writes such archives too, since 2.12; only the meaning of some names differs.
            var version = archive.GetEntry(MetadataEntry) is null ? "3" : KerasJson.Parse(Extract(archive, MetadataEntry, MaxConfigBytes), MetadataEntry)["keras_version"].Text("3");
            using var weights = new Hdf5Reader(Extract(archive, WeightsEntry, ModelImporter.MaxFileBytes));
            return KerasModelBuilder.Build(config, new StateWeights(weights), version.StartsWith('3'), name, open);
        }
    }

    /// <summary>An entry's content. Entries are found by their exact names and never written to disk, so paths in an archive have no effect.</summary>
    private static byte[] Extract(ZipArchive archive, string name, long limit)
    {
        var entry = archive.GetEntry(name) ?? throw new ImportFault($"holds no {name}; it is no Keras model (.keras)");
        if (entry.Length > limit || entry.Length > AlwaysAllowed && entry.Length > MaxInflation * entry.CompressedLength)
            throw new ImportFault($"{name} claims {entry.Length} bytes from {entry.CompressedLength} in the archive, which is no model");
        try
        {
            // The length in the archive is a claim: nothing beyond it is read, and less is a fault.
            using var stream = entry.Open();
            using var content = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                content.Write(buffer, 0, read);
                if (content.Length > entry.Length)
                    break;
            }
            return content.Length == entry.Length ? content.ToArray() : throw new ImportFault($"{name} has another length than the archive says; it is damaged");
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException or IOException)
        {
            throw new ImportFault($"{name} cannot be read from the archive ({ModelImportException.OneLine(e.Message)}); copy or save the model again");
        }
    }
}
