namespace EdgeAgent.Tests.Graph;

/// <summary>Broken copies of a sound file: a few bytes flipped, replaced, removed, repeated or cut off. The same seed gives the same files.</summary>
internal static class Mutations
{
    public static IEnumerable<byte[]> Of(byte[] whole, int count, int seed = 20261124)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var bytes = whole.ToList();
            for (var mutations = random.Next(1, 6); mutations > 0 && bytes.Count > 0; mutations--)
                switch (random.Next(20))
                {
                    case < 6:
                        bytes[random.Next(bytes.Count)] ^= (byte)(1 << random.Next(8));
                        break;
                    case < 12:
                        bytes[random.Next(bytes.Count)] = random.Next(3) == 0 ? (byte)0xFF : (byte)random.Next(256);
                        break;
                    case < 15:
                        bytes.RemoveAt(random.Next(bytes.Count));
                        break;
                    case < 19:
                        bytes.Insert(random.Next(bytes.Count), (byte)random.Next(256));
                        break;
                    default:
                        bytes = bytes[..random.Next(bytes.Count)];
                        break;
                }
            yield return [.. bytes];
        }
    }
}
