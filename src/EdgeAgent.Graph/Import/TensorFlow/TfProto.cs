using Google.Protobuf;

namespace EdgeAgent.Graph.Import.TensorFlow;

internal static class TfProto
{
    /// <summary>Parses a message, or says at which byte it stops being one.</summary>
    public static T Parse<T>(byte[] bytes, string what)
        where T : IMessage, new()
    {
        var stream = new CodedInputStream(bytes);
        var message = new T();
        try
        {
            message.MergeFrom(stream);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ImportFault($"is no {what} or is damaged at byte {stream.Position} of {bytes.Length} ({ModelImportException.OneLine(e.Message, 60)}); copy or export it again");
        }
        return message;
    }
}
